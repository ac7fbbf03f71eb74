/* Counts the words of its standard input. */
#include <ctype.h>
#include <stdio.h>

int main(void)
{
    int c, inside = 0;
    unsigned long words = 0;

    while ((c = getchar()) != EOF) {
        if (isspace(c))
            inside = 0;
        else if (!inside) {
            inside = 1;
            words++;
        }
    }
    printf("%lu\n", words);
    return ferror(stdin) ? 1 : 0;
}
