"""The vocabulary that claims are filed and conflicts are computed by."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.answers import answer
from app.deps import CurrentVocabulary
from app.errors import InvalidRequestError
from app.problems import problem_responses
from app.vocabulary import Vocabulary

router = APIRouter(prefix="/vocabulary", tags=["vocabulary"])


@router.get("", response_model=Vocabulary, responses=problem_responses(InvalidRequestError))
def read_vocabulary(request: Request, vocabulary: CurrentVocabulary) -> Response:
    """Read the types, questions, policies and rules, each with a sentence that explains it."""
    return answer(request, vocabulary.model_dump(mode="json"), version=f"VOC.{vocabulary.version}")
