/* The least that a server of pushes does: read a request whole, answer 202. What this machine's loopback gives.
 *
 *   echo PORT
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 4096
#define ROOM (1 << 16)

static const char ANSWER[] = "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}";
static char *rooms[MOST];
static size_t got[MOST];

static void take(int peer) {
    char *room = rooms[peer];
    ssize_t more = recv(peer, room + got[peer], ROOM - 1 - got[peer], 0);
    if (more <= 0) {
        close(peer);
        got[peer] = 0;
        return;
    }
    got[peer] += more;
    room[got[peer]] = 0;
    char *body = strstr(room, "\r\n\r\n");
    char *field = strcasestr(room, "\r\ncontent-length:");
    if (body == NULL || field == NULL) return;
    if (got[peer] < (size_t)(body + 4 - room) + strtoul(field + 17, NULL, 10)) return;
    got[peer] = 0;
    if (send(peer, ANSWER, sizeof ANSWER - 1, MSG_NOSIGNAL) < 0) close(peer);
}

int main(int count, char **words) {
    if (count != 2) return 2;
    int one = 1, door = socket(AF_INET, SOCK_STREAM, 0), poller = epoll_create1(0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(words[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(door, (struct sockaddr *)&address, sizeof address) < 0 || listen(door, 128) < 0) return perror("listen"), 1;
    struct epoll_event interest = {.events = EPOLLIN, .data.fd = door};
    epoll_ctl(poller, EPOLL_CTL_ADD, door, &interest);
    for (;;) {
        struct epoll_event events[64];
        int ready = epoll_wait(poller, events, 64, -1);
        for (int i = 0; i < ready; i++) {
            int peer = events[i].data.fd;
            if (peer != door) {
                take(peer);
            } else if ((peer = accept(door, NULL, NULL)) >= 0 && peer < MOST) {
                if (rooms[peer] == NULL) rooms[peer] = malloc(ROOM);
                struct epoll_event more = {.events = EPOLLIN, .data.fd = peer};
                epoll_ctl(poller, EPOLL_CTL_ADD, peer, &more);
            }
        }
    }
}
