"""Services at `/`."""

from twisted.web.resource import Resource, getChildForRequest
from twisted.web.test.requesthelper import DummyRequest

from cookietrack_plugin.router.web.root import rooted


class Service(Resource):
    """Says what of a path it is asked for."""

    isLeaf = True

    def render(self, request):
        return b"/".join(request.postpath)


def ask(root, *path):
    request = DummyRequest(list(path))
    return getChildForRequest(root, request).render(request)


def test_a_service_at_the_root_answers_for_all_that_nothing_beside_it_does():
    root = rooted(Service(), "/")
    root.putChild(b"beside", rooted(Service(), "beside"))
    assert ask(root) == b""
    assert ask(root, b"") == b""
    assert ask(root, b"a", b"b") == b"a/b"
    assert ask(root, b"beside", b"a") == b"a"
