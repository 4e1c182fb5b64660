"""An identity provider: its keys and their document, tokens that it signs, the page it asks on."""

import json
import time
from contextlib import asynccontextmanager
from urllib.parse import urlencode

import jwt
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import ec, rsa

ISSUER, CLIENT_ID = "https://provider.example", "client-1"


class Provider:
    """`status` and `document` may be changed, as a provider that fails would."""

    def __init__(self):
        self.keys = {}
        self.fetches = 0
        self.status = 200
        self.document = None
        self.url = ""
        self.authorization_url = ""
        self.asked = []
        """What pages have asked for, of who was sent here to sign in."""
        self.who = {}
        """Claims of who signs in here."""
        self.instead = {}
        """What of the answer is otherwise than it should be; None is left out."""

    def add_rsa(self, kid, bits=2048):
        return self.add(kid, rsa.generate_private_key(65537, bits), jwt.algorithms.RSAAlgorithm)

    def add_ec(self, kid, curve=None):
        key = ec.generate_private_key(curve or ec.SECP256R1())
        return self.add(kid, key, jwt.algorithms.ECAlgorithm)

    def add(self, kid, key, algorithm):
        jwk = json.loads(algorithm.to_jwk(key.public_key())) | {"kid": kid}
        self.keys[kid] = (key, jwk)
        return jwk

    def sign(self, kid, *, algorithm=None, headers=None, **claims):
        key = self.keys[kid][0]
        algorithm = algorithm or ("RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256")
        # Not `jwt.encode`, which refuses claims that a hostile provider would write.
        payload = json.dumps(self.claims(**claims)).encode()
        return jwt.api_jws.encode(
            payload, key, algorithm=algorithm, headers={"typ": "JWT", "kid": kid} | (headers or {})
        )

    @staticmethod
    def claims(**claims):
        now_s = int(time.time())
        given = {
            "iss": ISSUER,
            "aud": CLIENT_ID,
            "sub": "1089",
            "email": "ada@one.example",
            "email_verified": True,
            "iat": now_s,
            "exp": now_s + 600,
        } | claims
        return {name: claim for name, claim in given.items() if claim is not ...}

    async def show_keys(self, _request):
        self.fetches += 1
        listed = {"keys": [jwk for _, jwk in self.keys.values()]}
        body = json.dumps(listed) if self.document is None else self.document
        headers = {"Location": self.url} if self.status == 302 else {}
        return web.Response(text=body, status=self.status, headers=headers)

    async def authorize(self, request):
        """Whoever comes is signed in, and is sent back with a token behind the `#`."""
        asked = dict(request.query)
        self.asked.append(asked)
        claims = {"nonce": asked["nonce"], "aud": asked["client_id"], **self.who}
        id_token = self.sign(next(iter(self.keys)), **claims)
        answer = {"state": asked["state"], "id_token": id_token, "authuser": "0", **self.instead}
        back = urlencode({name: value for name, value in answer.items() if value is not None})
        raise web.HTTPFound(f"{asked['redirect_uri']}#{back}")

    @asynccontextmanager
    async def served(self):
        app = web.Application()
        app.router.add_get("/keys", self.show_keys)
        app.router.add_get("/authorize", self.authorize)
        async with TestServer(app) as server:
            self.url = str(server.make_url("/keys"))
            self.authorization_url = str(server.make_url("/authorize"))
            yield self
