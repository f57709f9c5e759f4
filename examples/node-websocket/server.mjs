// A WebSocket without a package: GET /events/TOPIC upgrades, POST publishes to all who did.
import crypto from "node:crypto";
import http from "node:http";

const topics = new Map();
const socketsOf = (path) => topics.get(path) ?? topics.set(path, new Set()).get(path);

const TEXT = 0x81, CLOSE = 0x88, PONG = 0x8a; // with the bit for "final frame"
function frame(kind, body) {
  const head = body.length < 126 ? [kind, body.length]
    : body.length < 65536 ? [kind, 126, body.length >> 8, body.length & 255]
    : [kind, 127, 0, 0, 0, 0, ...[24, 16, 8, 0].map((bits) => (body.length >>> bits) & 255)];
  return Buffer.concat([Buffer.from(head), body]);
}

const server = http.createServer(async (request, response) => {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  const event = frame(TEXT, Buffer.concat(pieces));
  for (const socket of socketsOf(request.url)) socket.write(event);
  response.writeHead(201).end();
});

server.on("upgrade", (request, socket, head) => {
  const key = request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  const accept = crypto.createHash("sha1").update(key).digest("base64");
  socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
    `Sec-WebSocket-Accept: ${accept}\r\n\r\n`);
  socket.setNoDelay(true);
  const sockets = socketsOf(request.url).add(socket);
  let input = head;
  const read = () => {
    // What clients send is short here, pings and closes: two bytes of head, four of mask, the body.
    while (input.length >= 6 && input.length >= 6 + (input[1] & 127)) {
      const end = 6 + (input[1] & 127);
      const body = Buffer.from(input.subarray(6, end).map((byte, i) => byte ^ input[2 + (i % 4)]));
      if ((input[0] & 15) === 9) socket.write(frame(PONG, body));
      if ((input[0] & 15) === 8) socket.end(frame(CLOSE, body));
      input = input.subarray(end);
    }
  };
  socket.on("data", (bytes) => { input = Buffer.concat([input, bytes]); read(); });
  socket.on("close", () => sockets.delete(socket));
  socket.on("error", () => sockets.delete(socket));
  read();
});

server.listen(Number(process.argv[2]), "127.0.0.1");
