//! Texts with placeholders: what is sent, rendered per client, topic and event.
