from django.contrib import admin
from django.contrib.auth.admin import UserAdmin

from .models import User


@admin.register(User)
class PersonAdmin(UserAdmin):
    list_display = ["username", "display_name", "is_active"]
    fieldsets = [
        (None, {"fields": ["username", "password", "display_name"]}),
        ("Permisos", {"fields": ["is_active", "is_staff", "is_superuser"]}),
    ]
