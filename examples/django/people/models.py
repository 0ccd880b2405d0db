import uuid

from django.contrib.auth.models import AbstractUser
from django.core.validators import RegexValidator
from django.db import models


class User(AbstractUser):
    """A person; `id` is their id in Zas as well, since this site's tokens are those of the `home` issuer."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    username = models.CharField(
        "usuario",
        max_length=30,
        unique=True,
        validators=[RegexValidator(r"^[A-Za-z0-9_]{3,30}\Z", "De 3 a 30 letras, cifras o _.")],
    )
    display_name = models.CharField("nombre", max_length=60)
