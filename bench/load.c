/* A load generator that costs next to nothing, for it shares the processors with what it measures.
 *
 *   load HOST PORT[,PORT…] CONNECTIONS FILE [RATE]
 *
 * With RATE, requests are due so many a second, whatever the answers do: a request waits for a free connection if need
 * be, and its seconds count from when it was due. Connections are shared out evenly over the ports.
 *
 * FILE holds HTTP/1.1 requests, each after its length (32 bits, this machine's byte order). Every request is sent once,
 * over CONNECTIONS connections that stay open, each with one request at a time. Written to stdout: for each request, in
 * the order of their answers, the seconds from the first byte sent to the last byte received and the status (0: the
 * connection ended without an answer); then "wall" and the seconds from the first request to the last answer.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#define ANSWER (1 << 16)

struct connection {
    int socket;
    struct sockaddr_in *server;
    const char *request;
    size_t left;
    double begun;
    size_t got;
    char answer[ANSWER + 1];
};

#define PORTS 16

static struct sockaddr_in servers[PORTS];
static int ports;
static const char *requests, *end;
static int poller;
static long waiting, made;
static double rate, started;
static struct connection **idle;
static int idlers;

static double now(void) {
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    return moment.tv_sec + moment.tv_nsec / 1e9;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void open_connection(struct connection *c) {
    int one = 1;
    c->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (c->socket < 0 || connect(c->socket, (struct sockaddr *)c->server, sizeof *c->server) < 0) fail("connect");
    setsockopt(c->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(c->socket, F_SETFL, O_NONBLOCK);
    struct epoll_event interest = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_ADD, c->socket, &interest);
}

static void write_request(struct connection *c) {
    while (c->left > 0) {
        ssize_t sent = send(c->socket, c->request, c->left, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            struct pollfd room = {.fd = c->socket, .events = POLLOUT};
            poll(&room, 1, 1000);
            continue;
        }
        if (sent < 0) return; /* the reader sees the end */
        c->request += sent;
        c->left -= sent;
    }
}

/* When the next request is due; without a rate at once. */
static double due(void) {
    return rate > 0 ? started + made / rate : 0;
}

static void begin_next(struct connection *c) {
    uint32_t length;
    if (requests >= end) return;
    if (due() > now()) {
        idle[idlers++] = c;
        return;
    }
    double since = due();
    made++;
    memcpy(&length, requests, sizeof length);
    c->request = requests + sizeof length;
    c->left = length;
    c->got = 0;
    requests += sizeof length + length;
    waiting++;
    c->begun = rate > 0 ? since : now();
    write_request(c);
}

/* Milliseconds until a request is due for which a connection is free; -1: none is. */
static int patience(void) {
    if (idlers == 0 || requests >= end) return -1;
    double left = 1000 * (due() - now());
    return left <= 0 ? 0 : (int)left + 1;
}

static void add_servers(const char *host, char *words) {
    for (char *word = strtok(words, ","); word != NULL && ports < PORTS; word = strtok(NULL, ",")) {
        servers[ports].sin_family = AF_INET;
        servers[ports].sin_port = htons(atoi(word));
        inet_pton(AF_INET, host, &servers[ports++].sin_addr);
    }
}

/* Bytes of the whole answer, or 0 while they are not known or not all here. */
static size_t whole_answer(struct connection *c) {
    c->answer[c->got] = 0;
    char *body = strstr(c->answer, "\r\n\r\n");
    if (body == NULL) return 0;
    body += 4;
    char *field = strcasestr(c->answer, "\r\ncontent-length:");
    if (field != NULL && field < body) {
        size_t size = (size_t)(body - c->answer) + strtoul(field + 17, NULL, 10);
        return c->got >= size ? size : 0;
    }
    field = strcasestr(c->answer, "\r\ntransfer-encoding: chunked");
    if (field != NULL && field < body) return strstr(body - 2, "\r\n0\r\n\r\n") != NULL ? c->got : 0;
    return 0; /* ends with the connection */
}

static void finish(struct connection *c) {
    int status = 0;
    if (c->got > 12) status = atoi(c->answer + 9);
    printf("%.6f %d\n", now() - c->begun, status);
    waiting--;
}

static void read_answer(struct connection *c) {
    ssize_t got = recv(c->socket, c->answer + c->got, ANSWER - c->got, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got > 0) {
        c->got += got;
        if (whole_answer(c) == 0 && c->got < ANSWER) return;
        finish(c);
    } else {
        int idles = c->begun == 0; /* the server ended it for that; it stays in its place among the idle ones */
        close(c->socket);
        if (!idles) finish(c);
        if (requests >= end) return;
        open_connection(c);
        if (idles) return;
    }
    c->begun = 0;
    begin_next(c);
}

static void map_requests(const char *path) {
    struct stat about;
    int file = open(path, O_RDONLY);
    if (file < 0 || fstat(file, &about) < 0) fail(path);
    requests = mmap(NULL, about.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
    if (requests == MAP_FAILED) fail("mmap");
    end = requests + about.st_size;
}

int main(int count, char **words) {
    if (count < 5) return fputs("usage: load HOST PORT[,PORT...] CONNECTIONS FILE [RATE]\n", stderr), 2;
    add_servers(words[1], words[2]);
    map_requests(words[4]);
    if (count > 5) rate = atof(words[5]);
    int connections = atoi(words[3]);
    struct connection *all = calloc(connections, sizeof *all);
    idle = calloc(connections, sizeof *idle);
    if (all == NULL || idle == NULL || (poller = epoll_create1(0)) < 0) fail("memory");
    for (int i = 0; i < connections; i++) {
        all[i].server = &servers[i % ports];
        open_connection(&all[i]);
    }
    started = now();
    for (int i = 0; i < connections; i++) begin_next(&all[i]);
    while (waiting > 0 || (idlers > 0 && requests < end)) {
        struct epoll_event events[64];
        int left = patience();
        int ready = epoll_wait(poller, events, 64, left < 0 ? 120000 : left);
        if (ready < 0 || (ready == 0 && left < 0)) break;
        for (int i = 0; i < ready; i++) read_answer(events[i].data.ptr);
        while (idlers > 0 && requests < end && due() <= now()) begin_next(idle[--idlers]);
    }
    printf("wall %.6f\n", now() - started);
    return waiting > 0;
}
