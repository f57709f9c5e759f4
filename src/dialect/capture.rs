//! What is taken out of an answer or a message: a member of its JSON, a header, a cookie, a part of its text.
