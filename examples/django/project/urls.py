from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from people import views

urlpatterns = [
    path("", views.chat, name="chat"),
    path("sign-up/", views.SignUp.as_view(), name="sign-up"),
    path("sign-in/", LoginView.as_view(template_name="people/form.html"), name="sign-in"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    path("profile/", views.Profile.as_view(), name="profile"),
    path("chat-token/", views.chat_token, name="chat-token"),
    path("admin/", admin.site.urls),
]
