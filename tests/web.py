"""A web server on this machine that answers as a test tells it to."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server:
    """A web server on this machine that answers each request as the next of `answers` says.

    An answer is a function of the handler; the last one is used for all further requests.
    """

    def __init__(self):
        self.answers = []
        self.requests = []  # the path and the Range header of each request
        self.bodies = []  # what was posted
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.requests.append((self.path, self.headers.get("Range")))
                answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                answer(self)

            def do_POST(self):
                outer.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.do_GET()

            def log_message(self, *_):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.host = f"127.0.0.1:{self._http.server_port}"
        self.url = f"http://{self.host}"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self._http.shutdown()
        self._http.server_close()


def content(data, status=200, headers=(), announced=None, ranges=True, sent=None):
    """An answer with `data`, or the part asked for; `sent` bytes of it, then the line drops."""

    def answer(handler):
        body, code, extra = data, status, dict(headers)
        asked = handler.headers.get("Range")
        if asked and ranges and status == 200:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            body, code = data[start:], 206 if start < len(data) else 416
            extra["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        handler.send_response(code)
        handler.send_header("Content-Length", str(len(body) if announced is None else announced))
        for key, value in extra.items():
            handler.send_header(key, value)
        handler.end_headers()
        handler.wfile.write(body[:sent])
        handler.close_connection = True

    return answer
