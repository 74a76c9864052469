"""Fetches a list with Scrapy, with the settings of a careful user; one line of JSON for each page.

Usage: scrapy_list.py LIST OUTPUT
"""

import sys

import scrapy
from scrapy.crawler import CrawlerProcess


class List(scrapy.Spider):
    name = "list"

    async def start(self):
        with open(sys.argv[1], encoding="utf-8") as urls:
            for url in urls:
                yield scrapy.Request(url.strip(), dont_filter=True)

    def parse(self, response):
        yield {"url": response.url, "body": response.text}


def main():
    process = CrawlerProcess(
        {
            "AUTOTHROTTLE_ENABLED": True,
            "AUTOTHROTTLE_MAX_DELAY": 10,
            "AUTOTHROTTLE_START_DELAY": 0.25,
            "AUTOTHROTTLE_TARGET_CONCURRENCY": 8,
            "CONCURRENT_REQUESTS": 64,
            "CONCURRENT_REQUESTS_PER_DOMAIN": 8,
            "COOKIES_ENABLED": False,
            "DOWNLOAD_MAXSIZE": 1 << 20,
            "DOWNLOAD_TIMEOUT": 10,
            "FEEDS": {sys.argv[2]: {"format": "jsonlines", "encoding": "utf8"}},
            "LOG_LEVEL": "WARNING",
            "REDIRECT_MAX_TIMES": 10,
            "RETRY_HTTP_CODES": [429, 500, 502, 503, 504],
            "RETRY_TIMES": 4,
            "ROBOTSTXT_OBEY": False,
            "TELNETCONSOLE_ENABLED": False,
        }
    )
    process.crawl(List)
    process.start()


if __name__ == "__main__":
    main()
