use super::huffman;
