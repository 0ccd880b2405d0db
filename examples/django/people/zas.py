"""Tells Zas who there is: each person on every change, by a signal."""

import logging

import requests
from django.conf import settings
from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver

from .models import User

log = logging.getLogger(__name__)


def put(people):
    """Makes up to 100 people in Zas, or brings them up to date."""
    key = settings.ZAS_KEY_FILE.read_text().strip()
    users = [{"issuer": "backend", "subject": str(person.pk), "username": person.username,
              "display_name": person.display_name or person.username, "active": person.is_active}
             for person in people]
    answer = requests.post(f"{settings.ZAS_URL}/v1/server/users", json={"users": users},
                           headers={"Authorization": f"Bearer {key}"}, timeout=5)
    answer.raise_for_status()
    for person, made in zip(people, answer.json()["users"]):
        if made.get("error"):
            log.error("Zas refused %s: %s", person.pk, made["error"])


@receiver(post_save, sender=User)
def tell_zas(sender, instance, update_fields=None, **_):
    if update_fields != {"last_login"}:
        # Once it is stored; that Zas is away is logged, and stops nobody here.
        transaction.on_commit(lambda: put([instance]), robust=True)
