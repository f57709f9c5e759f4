"""Short polls and long polls: GET /events/TOPIC?after=N answers with what follows event N, and waits for it if `wait` is given."""

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

topics: dict[str, list[bytes]] = {}
news = threading.Condition()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections are kept
    disable_nagle_algorithm = True  # or the body waits for the acknowledgement of the head

    def do_POST(self):
        event = self.rfile.read(int(self.headers["content-length"]))
        with news:
            topics.setdefault(self.path, []).append(event)
            news.notify_all()
        self.answer(201, b"")

    def do_GET(self):
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        after, wait = int(query["after"][0]), float(query.get("wait", ["0"])[0])
        with news:
            news.wait_for(lambda: len(topics.get(url.path, [])) > after, timeout=wait)
            events = topics.get(url.path, [])[after:]
        # The events are JSON already: they go out as they came in.
        self.answer(200, b'{"next":%d,"events":[%s]}' % (after + len(events), b",".join(events)))

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer.request_queue_size = 1024  # all clients may connect at once
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
