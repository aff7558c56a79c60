"""The page that takes the architectures apart: anatomy.json in, a document out. Needs no torch."""
