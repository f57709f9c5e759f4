//! Text, Markdown and charts, from records alone.
