//! What a message is: the conditions by which a dialect recognises it.
