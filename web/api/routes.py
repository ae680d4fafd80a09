"""The router that the modules of routes hang theirs on: one, because paths are shared by methods."""

from ninja import Router

router = Router()
