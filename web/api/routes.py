"""The router to which every module adds its routes. Only one, because modules share paths."""

from ninja import Router

router = Router()
