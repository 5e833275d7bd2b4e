/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing PNG (ISO/IEC 15948, W3C PNG specification): signature, IHDR, PLTE, IDAT, IEND.
 * Palette pixels of 8 bits, no filters, no interlacing.
 */
#include "picture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define CHUNK (64u << 10)
#define COLOR_PALETTE 3

static void put32(uint8_t *to, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(v >> (24 - 8 * i));
}

static bool chunk(FILE *to, const char *type, const uint8_t *data, uint32_t len)
{
    uint8_t head[8], tail[4];
    put32(head, len);
    memcpy(head + 4, type, 4);
    uLong crc = crc32(crc32(0, NULL, 0), head + 4, 4);
    put32(tail, (uint32_t)(len ? crc32(crc, data, len) : crc));
    return fwrite(head, 1, 8, to) == 8 && (!len || fwrite(data, 1, len, to) == len) &&
           fwrite(tail, 1, 4, to) == 4;
}

/* Deflate len bytes; whatever fills a chunk is written. */
static bool pack(z_stream *z, FILE *to, uint8_t *room, const uint8_t *data, size_t len, int flush)
{
    int rc = Z_OK;
    z->next_in = (z_const Bytef *)data;
    z->avail_in = (uInt)len;
    while (rc == Z_OK && (z->avail_in || flush == Z_FINISH)) {
        rc = deflate(z, flush);
        if ((!z->avail_out || rc == Z_STREAM_END) &&
            !chunk(to, "IDAT", room, CHUNK - z->avail_out))
            return false;
        if (!z->avail_out) {
            z->next_out = room;
            z->avail_out = CHUNK;
        }
    }
    return rc == (flush == Z_FINISH ? Z_STREAM_END : Z_OK);
}

static bool pack_rows(FILE *to, const uint8_t *pixels, uint32_t width, uint32_t height)
{
    z_stream z = {0};
    uint8_t *room = malloc(CHUNK), no_filter = 0;
    bool good = room && deflateInit(&z, Z_BEST_COMPRESSION) == Z_OK;
    if (!good) {
        free(room);
        errno = ENOMEM;
        return false;
    }
    z.next_out = room;
    z.avail_out = CHUNK;
    for (uint32_t y = 0; y < height && good; y++)
        good = pack(&z, to, room, &no_filter, 1, Z_NO_FLUSH) &&
               pack(&z, to, room, pixels + (size_t)y * width, width, Z_NO_FLUSH);
    good = good && pack(&z, to, room, NULL, 0, Z_FINISH);
    deflateEnd(&z);
    free(room);
    return good;
}

bool png_write(FILE *to, const uint8_t *pixels, uint32_t width, uint32_t height,
               const uint8_t palette[][3], unsigned n_colors)
{
    static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    uint8_t head[13] = {[8] = 8, [9] = COLOR_PALETTE};
    put32(head, width);
    put32(head + 4, height);
    return fwrite(signature, 1, 8, to) == 8 && chunk(to, "IHDR", head, sizeof head) &&
           chunk(to, "PLTE", palette[0], n_colors * 3) && pack_rows(to, pixels, width, height) &&
           chunk(to, "IEND", NULL, 0);
}
