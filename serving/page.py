"""The answers of the page of `few serve`, as HTML.

Everything that it shows is in the HTML itself, so that no picture is written to any file.
"""

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from serving.classifier import Classifier, what_failed
from serving.explain import Explainer
from vision import pictures

# Of one drop; the rest is named and left alone.
MOST_PICTURES = 24
# Of a file, in bytes. What decodes to too many pixels is refused by `pictures.decode`.
MOST_BYTES = 50_000_000
# Of a picture on the page: the longer side, in pixels.
SHOWN_SIZE = 448
# Classes whose probabilities are told, the most probable ones.
SHOWN_CLASSES = 5

STYLE = """
.answers { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 26rem), 1fr));
  gap: 1rem; align-items: start; }
.answers article { border: 1px solid var(--border-color-primary); border-radius: .5rem;
  padding: .75rem; overflow-wrap: anywhere; }
.answers h3 { margin: 0 0 .5rem; font-size: 1.1rem; }
.answers p { margin: .25rem 0; }
.answers .pair { display: grid; grid-template-columns: 1fr 1fr; gap: .5rem; }
.answers figure { margin: 0; }
.answers img { width: 100%; height: auto; border-radius: .25rem; }
.answers figcaption { font-size: .85rem; }
.answers dl { display: grid; grid-template-columns: minmax(4rem, auto) 1fr 4rem; gap: .25rem .5rem;
  align-items: center; margin: .5rem 0 0; }
.answers dd { margin: 0; text-align: right; font-variant-numeric: tabular-nums; }
.answers meter { width: 100%; }
"""


def answer(model: Classifier, explainer: Explainer, files: Sequence[Path]) -> str:
    """Return the class, the probability and the heat map of each picture, as HTML.

    Of a file that can't be read, the reason; of those beyond the count, how many they are.
    """
    articles = [_article(model, explainer, file) for file in files[:MOST_PICTURES]]
    if left := files[MOST_PICTURES:]:
        text = f"At most {MOST_PICTURES} pictures at once: {len(left)} more were left alone."
        articles.append(f'<article role="alert"><p>{text}</p></article>')
    return f'<div class="answers">{"".join(articles)}</div>'


def _article(model: Classifier, explainer: Explainer, file: Path) -> str:
    name = html.escape(file.name)
    try:
        batch = pictures.load_batch([file], model.image_size)
        picture = pictures.decode(file, SHOWN_SIZE)
    except FileNotFoundError:
        return _not_read(name, "it waited too long; drop it again")
    except (pictures.UnreadablePictureError, OSError) as error:
        return _not_read(name, what_failed(error))
    prediction = model.predict(file.name, batch)
    label = html.escape(prediction.label)
    unsure = " - unsure" if prediction.unsure else ""
    picture.thumbnail((SHOWN_SIZE, SHOWN_SIZE))
    (heat,) = explainer.draw([picture], [prediction.label])
    pair = _figure(picture, name, name)
    pair += _figure(heat, f"heat map of {name}", f"what spoke for {label}")
    bars = _bars(model.classes, prediction.probabilities)
    return (
        f"<article><h3>{label}, {prediction.probability:.1%}{unsure}</h3>"
        f'<div class="pair">{pair}</div>{bars}</article>'
    )


def _not_read(name: str, reason: str) -> str:
    """Return why a file isn't answered, as HTML, which its name is already."""
    heading = f"Not read: {html.escape(reason)}"
    return f'<article role="alert"><h3>{heading}</h3><p>{name}</p></article>'


def _bars(classes: Sequence[str], probabilities: np.ndarray) -> str:
    rows = [
        f"<dt>{html.escape(classes[number])}</dt>"
        f'<meter value="{probabilities[number]:.4f}" aria-hidden="true"></meter>'
        f"<dd>{probabilities[number]:.1%}</dd>"
        for number in np.argsort(-probabilities, kind="stable")[:SHOWN_CLASSES]
    ]
    return f"<dl>{''.join(rows)}</dl>"


def _figure(picture: Image.Image, alternative: str, caption: str) -> str:
    """Return a picture as HTML, which the texts are already."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    content = base64.b64encode(buffer.getvalue()).decode("ascii")
    return (
        f'<figure><img alt="{alternative}" src="data:image/jpeg;base64,{content}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )
