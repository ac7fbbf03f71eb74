/* Lines of 100 bytes at a steady pace, each beginning with the time at which it is written (Unix, nanoseconds).
 *
 *   stamps LINES A_SECOND
 *
 * What is due is written a hundred times a second, so a line waits for its neighbours at most 10 ms.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char *REST = "cc -O2 -Wall -Wextra -c src/parse/values_of_every_kind.c -o build/values.o   ok";

static double now(clockid_t clock) {
    struct timespec moment;
    clock_gettime(clock, &moment);
    return moment.tv_sec + moment.tv_nsec / 1e9;
}

int main(int count, char **words) {
    static char buffer[1 << 16];
    if (count != 3) return fputs("usage: stamps LINES A_SECOND\n", stderr), 2;
    long lines = atol(words[1]);
    double rate = atof(words[2]), begun = now(CLOCK_MONOTONIC);
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    for (long written = 0; written < lines;) {
        long due = (now(CLOCK_MONOTONIC) - begun) * rate;
        for (; written < due && written < lines; written++) printf("%019.9f %s\n", now(CLOCK_REALTIME), REST);
        fflush(stdout);
        struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
        nanosleep(&pause, NULL);
    }
    return 0;
}
