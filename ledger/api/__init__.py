"""The HTTP door under /v1: parse, submit, render. No rule of the books lives here."""
