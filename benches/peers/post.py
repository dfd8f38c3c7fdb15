"""aiohttp, aiolimiter and tenacity, put together as their manuals would have it: one session, a limiter of 25 in 5
seconds, tries with exponential backoff for what may pass, and a file of what is done to go on from.

usage: post.py URL ROWS.csv STATE (limited|free)
"""

import asyncio
import csv
import os
import pathlib
import sys

import aiohttp
from aiolimiter import AsyncLimiter
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

CONCURRENCY = 256


class Again(Exception):
    """The API asks to try later, or has failed."""


async def main(url, rows, state, limited):
    done_path = pathlib.Path(state, "done")
    done_before = set(done_path.read_text().split()) if done_path.exists() else set()
    limiter = AsyncLimiter(25, 5)
    gate = asyncio.Semaphore(25 if limited else CONCURRENCY)
    headers = {"X-LSQ-ACCESS-KEY": os.environ["LSQ_ACCESS_KEY"], "X-LSQ-SECRET-KEY": os.environ["LSQ_SECRET_KEY"]}
    timeout = aiohttp.ClientTimeout(total=30)
    connector = aiohttp.TCPConnector(limit=CONCURRENCY)

    async with aiohttp.ClientSession(headers=headers, timeout=timeout, connector=connector) as session:
        with done_path.open("a", buffering=1) as done:

            @retry(
                retry=retry_if_exception_type((Again, aiohttp.ClientError, asyncio.TimeoutError)),
                stop=stop_after_attempt(5),
                wait=wait_exponential_jitter(initial=1, max=60),
            )
            async def post(row):
                body = {
                    "TextPart": row["text"],
                    "ActivityType": "CreateInternalNote",
                    "StorageType": "Permament",
                    "RelatedTicketId": int(row["ticket"]),
                }
                if limited:
                    await limiter.acquire()
                async with session.post(url, json=body) as reply:
                    if reply.status == 429 or reply.status >= 500:
                        raise Again(reply.status)
                    answer = await reply.json(content_type=None)
                    if answer.get("Message") != "Activity Created":
                        raise RuntimeError(answer)

            async def one(row):
                try:
                    await post(row)
                    done.write(row["ticket"] + "\n")
                except Exception as error:
                    print(row["ticket"], repr(error), file=sys.stderr)
                finally:
                    gate.release()

            async with asyncio.TaskGroup() as group:
                with open(rows, newline="", encoding="utf-8") as file:
                    for row in csv.DictReader(file):
                        if row["ticket"] not in done_before:
                            await gate.acquire()
                            group.create_task(one(row))


asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4] == "limited"))
