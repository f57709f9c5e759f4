//! Dialling: sockets that stamp and count what they send.
