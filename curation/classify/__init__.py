"""Labels of raw text from frozen models: language, kind and quality."""
