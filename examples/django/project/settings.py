"""A site that has its people, and Zas in front of it for their chat."""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

# For the example alone: a site of yours has its own, and DEBUG off.
SECRET_KEY = os.environ.get("SECRET_KEY", "only-for-this-example-on-your-own-machine")
DEBUG = True
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]

# Zas: where its server-side API is, and the key for it.
ZAS_URL = os.environ.get("ZAS_URL", "http://localhost:8000")
ZAS_KEY_FILE = BASE_DIR / "zas.key"

# The chat's tokens have a key of their own. It is never SECRET_KEY, which signs all the rest of the site.
TOKEN_KEY_FILE = BASE_DIR / "django.key"
SIMPLE_JWT = {
    "ALGORITHM": "HS256",
    "SIGNING_KEY": TOKEN_KEY_FILE.read_text().strip(),
    "USER_ID_FIELD": "id",
    "USER_ID_CLAIM": "user_id",
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
}

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "people",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
ROOT_URLCONF = "project.urls"
AUTH_USER_MODEL = "people.User"
AUTH_PASSWORD_VALIDATORS = [{"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"}]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "chat"
LOGOUT_REDIRECT_URL = "sign-in"
STATIC_URL = "static/"
LANGUAGE_CODE = "es"
USE_TZ = True
