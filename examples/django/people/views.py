from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import UserCreationForm
from django.contrib.auth.mixins import LoginRequiredMixin
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.views.generic import CreateView, UpdateView
from rest_framework.decorators import api_view
from rest_framework.response import Response
from rest_framework_simplejwt.tokens import AccessToken

from .models import User


class SignUpForm(UserCreationForm):
    class Meta:
        model = User
        fields = ["username", "display_name"]


class SignUp(CreateView):
    form_class = SignUpForm
    template_name = "people/form.html"

    def form_valid(self, form):
        login(self.request, form.save())
        return redirect("chat")


class Profile(LoginRequiredMixin, UpdateView):
    fields = ["display_name"]
    template_name = "people/form.html"
    success_url = reverse_lazy("chat")

    def get_object(self, queryset=None):
        return self.request.user


@login_required
def chat(request):
    return render(request, "people/chat.html")


@api_view()
def chat_token(request):
    """A token for the chat, five minutes long, for whoever is signed in here."""
    return Response({"access": str(AccessToken.for_user(request.user))})
