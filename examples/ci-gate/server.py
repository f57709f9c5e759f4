"""Server-sent events: GET /events/TOPIC streams what POST /events/TOPIC publishes, signed."""

import hashlib
import queue
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROUNDS = 20_000  # of the signature
topics: dict[str, list[queue.Queue]] = {}
lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        event = self.rfile.read(int(self.headers["content-length"]))
        signature = hashlib.pbkdf2_hmac("sha256", event, b"secret", ROUNDS).hex()
        with lock:
            for stream in topics.get(self.path, []):
                stream.put(b"id: %s\ndata: %s\n\n" % (signature.encode(), event))
        self.send_response(201)
        self.send_header("content-length", "0")
        self.end_headers()

    def do_GET(self):
        stream = queue.Queue()
        with lock:
            topics.setdefault(self.path, []).append(stream)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        while True:
            self.wfile.write(stream.get())

    def log_message(self, *_):
        pass


ThreadingHTTPServer.request_queue_size = 128
ThreadingHTTPServer.daemon_threads = True
server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
server.serve_forever()
