// A server of Socket.IO 4 (https://socket.io): a client joins the room of its topic, and what is published goes to a room.
//
// node socketio.js PORT; the package is found in NODE_PATH.

const { createServer } = require("node:http");
const { Server } = require("socket.io");

let published = 0;
const http = createServer((request, answer) => {
  answer.setHeader("content-type", "application/json");
  answer.end(JSON.stringify({ published, clients: io.engine.clientsCount }));
});
const io = new Server(http, { serveClient: false, allowEIO3: false });

io.on("connection", (socket) => {
  socket.on("subscribe", (topic, joined) => {
    socket.join(topic);
    joined();
  });
  socket.on("publish", (topic, event, taken) => {
    published += 1;
    io.to(topic).emit("event", event);
    taken();
  });
});

http.listen(Number(process.argv[2]), "127.0.0.1");
