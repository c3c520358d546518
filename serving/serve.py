"""The page onto which one drops pictures: Gradio around `serving.page`.

Gradio writes what is uploaded into a folder of its own. Each file there is removed as soon as all
who wait for it were answered, what was broken off in the midst after some minutes, and the folder
when the page is closed.
"""

import html
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

from serving import page
from serving.classifier import Classifier
from serving.explain import Explainer
from serving.uploads import Counting, Uploads
from vision.runtime.errors import UserError

# Whose pictures wait at once; more are told to come back later.
MOST_WAITING = 64
# Seconds between two looks for what is left of uploads, and how old that is.
SWEEP_EVERY, SWEEP_AFTER = 60, 900
# As shells give it for a program that was told to end: 128 and the number of SIGTERM.
TERMINATED = 143

INTRODUCTION = """\
<h1>{classes}?</h1>
<p>Drop pictures below. They stay on the machine that runs this page, and are deleted once answered.
</p>
"""


def serve(classifier: Classifier, host: str, port: int) -> None:
    """Show the page until Ctrl-C.

    Raises
    ------
    UserError
        Gradio is not installed, or the port is taken.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))  # so that it cleans up
    uploads = Uploads(Path(tempfile.mkdtemp(prefix="uploads-")))
    # Gradio reads these when it is imported. It is to report nothing to anyone.
    os.environ |= {"GRADIO_TEMP_DIR": str(uploads.folder), "GRADIO_ANALYTICS_ENABLED": "False"}
    try:
        try:
            import gradio
            from starlette.middleware import Middleware
        except ImportError:
            raise UserError(
                "the page needs Gradio; `few serve` installs it and opens the page"
            ) from None
        blocks = _blocks(gradio, classifier, uploads)
        # Of one at a time: each decodes a picture, and all share the processors.
        blocks.queue(max_size=MOST_WAITING, default_concurrency_limit=1)
        threading.Thread(target=_keep_sweeping, args=(uploads,), daemon=True).start()
        try:
            blocks.launch(
                prevent_thread_lock=True,
                server_name=host,
                server_port=port,
                share=False,
                quiet=True,
                ssr_mode=False,
                footer_links=[],
                max_file_size=page.MOST_BYTES,
                theme=gradio.themes.Default(font=["sans-serif"], font_mono=["monospace"]),
                css=page.STYLE,
                app_kwargs={"middleware": [Middleware(Counting, uploads)]},
            )
        except OSError:
            raise UserError(f"port {port} of {host} can't be had; name another by --port") from None
        print(f"http://{host}:{port} - Ctrl-C closes it", flush=True)
        blocks.block_thread()
    finally:
        shutil.rmtree(uploads.folder, ignore_errors=True)


def _blocks(gradio, model: Classifier, uploads: Uploads):  # noqa: ANN001, ANN202
    *first, last = model.classes
    classes = f"{', '.join(first)} or {last}"
    answer = partial(_answer, model, Explainer.from_classifier(model), uploads)
    with gradio.Blocks(title="Classify pictures", analytics_enabled=False) as blocks:
        gradio.HTML(INTRODUCTION.format(classes=html.escape(classes)))
        files = gradio.File(label="Pictures", file_count="multiple", type="filepath")
        answers = gradio.HTML()
        files.upload(answer, files, [files, answers], api_visibility="private")
    return blocks


def _answer(
    model: Classifier, explainer: Explainer, uploads: Uploads, files: list[str]
) -> tuple[None, str]:
    """Answer uploaded files, which are removed then unless somebody else dropped them, too."""
    try:
        return None, page.answer(model, explainer, [Path(file) for file in files])
    finally:
        uploads.answered(files)


def _keep_sweeping(uploads: Uploads) -> None:
    while True:
        time.sleep(SWEEP_EVERY)
        uploads.sweep(SWEEP_AFTER)
