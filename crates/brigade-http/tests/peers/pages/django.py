"""Rows behind every pagination of Django REST framework, one path for each."""

import json

import django
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "rows.db"}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "UNAUTHENTICATED_USER": None,
    },
    ROOT_URLCONF=__name__,
)
django.setup()

import drf_link_header_pagination as links
from django.core.wsgi import get_wsgi_application
from django.db import connection, models
from django.urls import path
from rest_framework import pagination
from rest_framework.generics import ListCreateAPIView
from rest_framework.serializers import ModelSerializer


class Row(models.Model):
    name = models.TextField()

    class Meta:
        app_label = "rows"


class RowSerializer(ModelSerializer):
    class Meta:
        model = Row
        fields = ["id", "name"]


def paged(pagination_class, **said):
    """A view that gives pages of a hundred rows, or as many as `size` says."""
    said = {"page_size": 100, "page_size_query_param": "size", "max_page_size": 1000, **said}
    order = said.pop("order", "id")
    return ListCreateAPIView.as_view(
        queryset=Row.objects.order_by(order),
        serializer_class=RowSerializer,
        pagination_class=type("Paged", (pagination_class,), said),
    )


newest = {"ordering": "-id", "order": "-id"}
offsets = {"default_limit": 100}
urlpatterns = [
    path("pages", paged(pagination.PageNumberPagination)),
    path("offsets", paged(pagination.LimitOffsetPagination, **offsets)),
    path("cursors", paged(pagination.CursorPagination, ordering="id")),
    path("newest", paged(pagination.CursorPagination, **newest)),
    path("links/pages", paged(links.LinkHeaderPagination)),
    path("links/offsets", paged(links.LinkHeaderLimitOffsetPagination, **offsets)),
    path("links/cursors", paged(links.LinkHeaderCursorPagination, ordering="id")),
]

with connection.schema_editor() as schema:
    schema.create_model(Row)
with open("rows.json", encoding="utf-8") as rows:
    Row.objects.bulk_create(Row(**row) for row in json.load(rows))

application = get_wsgi_application()
