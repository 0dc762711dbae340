# An image to serve Claimbase: the pinned dependencies, the app, the seed, and no build tools.
#
# The tag below moves with security fixes. For an image that is the same tomorrow, give the
# digest that you have checked as well; it is not written here because it cannot be guessed:
#   docker build --build-arg PYTHON_IMAGE=python:3.13.9-slim-trixie@sha256:... -t claimbase .
ARG PYTHON_IMAGE=python:3.13.9-slim-trixie

FROM ${PYTHON_IMAGE} AS builder
WORKDIR /srv/claimbase
COPY requirements.txt ./
# pip works from outside of the environment, so that the environment never has one. Only wheels:
# nothing is compiled, and a platform without a wheel fails here instead of at run time.
RUN python -m venv --without-pip /opt/venv \
    && python -m pip --python /opt/venv/bin/python install --quiet --no-cache-dir --no-compile \
        --disable-pip-version-check --only-binary :all: --require-hashes -r requirements.txt
COPY alembic.ini ./
COPY data/ data/
COPY migrations/ migrations/
COPY app/ app/
# The running container can write no bytecode: it is made here, valid whatever the file times.
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv app migrations

FROM ${PYTHON_IMAGE} AS final
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Claimbase" \
      org.opencontainers.image.description="A knowledge base of contested medical claims" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN python -m pip uninstall --yes --quiet --root-user-action ignore pip \
    && rm -rf /usr/local/lib/python3.*/ensurepip \
    && groupadd --gid 10001 claimbase \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin claimbase \
    && install --directory --owner 10001 --group 10001 --mode 0750 /data
COPY --from=builder /opt/venv /opt/venv
COPY --from=builder /srv/claimbase /srv/claimbase
WORKDIR /srv/claimbase
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    CLAIMBASE_HOST=0.0.0.0 \
    CLAIMBASE_PORT=8000 \
    CLAIMBASE_DATABASE_URL=sqlite:////data/claimbase.db
USER 10001:10001
# The only place that is written to: everything else may be mounted read-only.
VOLUME ["/data"]
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['CLAIMBASE_PORT'] + '/health/ready', timeout=4)"]
ENTRYPOINT ["python", "-m", "app"]
CMD ["serve"]
