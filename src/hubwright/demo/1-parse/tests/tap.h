/* Tests that speak TAP to people and write JUnit XML for machines. https://testanything.org */
#ifndef TAP_H
#define TAP_H

#include <stdio.h>
#include <string.h>

static FILE *report;
static int count, failures;

static void escape(const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '<': fputs("&lt;", report); break;
        case '&': fputs("&amp;", report); break;
        case '"': fputs("&quot;", report); break;
        default: fputc(*text, report);
        }
}

static void note(int passed, const char *name, const char *got, const char *expected)
{
    printf("%sok %d - %s\n", passed ? "" : "not ", ++count, name);
    fprintf(report, "  <testcase classname=\"libini\" name=\"%s\">", name);
    if (!passed) {
        failures++;
        printf("#   got:      %s\n#   expected: %s\n", got, expected);
        fputs("<failure message=\"got ", report);
        escape(got);
        fputs(", expected ", report);
        escape(expected);
        fputs("\"/>", report);
    }
    fputs("</testcase>\n", report);
}

static void ok(int passed, const char *name)
{
    note(passed, name, "false", "true");
}

static void is(const char *got, const char *expected, const char *name)
{
    note(strcmp(got, expected) == 0, name, got, expected);
}

static int begin(const char *path)
{
    report = fopen(path, "w");
    if (!report) {
        perror(path);
        return -1;
    }
    fprintf(report, "<testsuite name=\"libini\">\n");
    return 0;
}

static int end(void)
{
    fprintf(report, "</testsuite>\n");
    fclose(report);
    printf("1..%d\n", count);
    if (failures)
        fprintf(stderr, "error: %d of %d tests failed\n", failures, count);
    return failures != 0;
}

#endif
