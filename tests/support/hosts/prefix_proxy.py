"""A reverse proxy that serves the TARGET under PREFIX, which it takes off, as nginx does."""

import os
from collections.abc import AsyncIterator

import httpx
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response, StreamingResponse
from starlette.requests import ClientDisconnect

TARGET, PREFIX = os.environ["TARGET"], os.environ["PREFIX"]
NOT_FORWARDED = {"host", "transfer-encoding", "connection"}
app = FastAPI()
client = httpx.AsyncClient(timeout=None)


@app.api_route(PREFIX + "/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"])
async def forward(request: Request, path: str) -> Response:
    headers = {k: v for k, v in request.headers.items() if k not in NOT_FORWARDED}
    headers |= {"host": request.url.netloc, "accept-encoding": "identity"}
    headers |= {"x-forwarded-host": request.url.netloc, "x-forwarded-proto": "http"}
    try:
        content = await request.body()
    except ClientDisconnect:  # the page was closed meanwhile
        return Response(status_code=400)
    address = httpx.URL(TARGET + path, query=request.url.query.encode())
    asked = client.build_request(request.method, address, headers=headers, content=content)
    answer = await client.send(asked, stream=True)

    async def body() -> AsyncIterator[bytes]:
        try:
            async for part in answer.aiter_raw():
                yield part
        finally:
            await answer.aclose()

    response = StreamingResponse(body(), answer.status_code)
    for name, value in answer.headers.multi_items():
        if name not in NOT_FORWARDED:
            response.headers.append(name, value)
    return response


@app.get("/{path:path}")
def elsewhere(path: str) -> PlainTextResponse:
    """What is asked for past the prefix would be another app's."""
    return PlainTextResponse("another app", status_code=404)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=0)
