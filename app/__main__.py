import sys

from app.vocabulary import VocabularyFileError

if __name__ == "__main__":
    try:
        from app.cli import main  # what it imports is made from the vocabulary
    except VocabularyFileError as error:
        sys.exit(f"claimbase: {error}")
    main()
