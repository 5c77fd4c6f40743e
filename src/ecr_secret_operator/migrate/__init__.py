"""Translates set-ups of other tools into resources of this operator: objects in, documents and sentences out. Pure."""
