from django.core.management.base import BaseCommand
from django.core.paginator import Paginator

from people.models import User
from people.zas import put


class Command(BaseCommand):
    help = "Tells Zas of everybody: those from before the signal, and what it missed while Zas was away."

    def handle(self, **_):
        pages = Paginator(User.objects.order_by("pk"), 100)
        for page in pages:
            put(page.object_list)
        self.stdout.write(f"{pages.count} people")
