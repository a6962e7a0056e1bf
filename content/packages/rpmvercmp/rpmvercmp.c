/*
 * rpmvercmp: compares two versions, or epoch:version-release, by rpm's rules.
 *
 * The rules (rpm's manual, "Version comparison"): a version is cut into runs of digits and runs of
 * letters, everything else only separates. Runs are compared in order: numbers by value, letters by
 * ASCII, a number is newer than letters. A tilde sorts before everything, even the end; a caret
 * sorts after the end but before anything that goes on. Who has a run left is newer.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ASCII only: what a version means must not depend on the locale. */
static int is_digit(char c) { return c >= '0' && c <= '9'; }
static int is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static int is_part(char c) { return is_digit(c) || is_alpha(c) || c == '~' || c == '^'; }

static size_t run_length(const char *s, int (*is_in)(char))
{
    size_t n = 0;
    while (is_in(s[n]))
        n++;
    return n;
}

static int sign(int n) { return (n > 0) - (n < 0); }

/* Two runs of digits; of any length, so never through an integer. */
static int compare_numbers(const char *a, size_t alen, const char *b, size_t blen)
{
    while (alen > 0 && *a == '0')
        a++, alen--;
    while (blen > 0 && *b == '0')
        b++, blen--;
    if (alen != blen)
        return alen > blen ? 1 : -1;
    return sign(strncmp(a, b, alen));
}

static int compare_letters(const char *a, size_t alen, const char *b, size_t blen)
{
    int order = sign(strncmp(a, b, alen < blen ? alen : blen));
    return order != 0 ? order : (alen > blen) - (alen < blen);
}

/* -1, 0 or 1 as a is older than, equal to or newer than b. */
static int compare_versions(const char *a, const char *b)
{
    while (*a != '\0' || *b != '\0') {
        while (*a != '\0' && !is_part(*a))
            a++;
        while (*b != '\0' && !is_part(*b))
            b++;
        if (*a == '~' || *b == '~') {
            if (*a != *b)
                return *a == '~' ? -1 : 1;
            a++, b++;
            continue;
        }
        if (*a == '^' || *b == '^') {
            if (*a == *b) {
                a++, b++;
                continue;
            }
            if (*a == '\0')
                return -1;
            if (*b == '\0')
                return 1;
            return *a == '^' ? -1 : 1;
        }
        if (*a == '\0' || *b == '\0')
            break;
        int numbers = is_digit(*a);
        if (numbers != is_digit(*b))
            return numbers ? 1 : -1;
        size_t alen = run_length(a, numbers ? is_digit : is_alpha);
        size_t blen = run_length(b, numbers ? is_digit : is_alpha);
        int order = numbers ? compare_numbers(a, alen, b, blen) : compare_letters(a, alen, b, blen);
        if (order != 0)
            return order;
        a += alen;
        b += blen;
    }
    return (*a != '\0') - (*b != '\0');
}

struct evr {
    const char *epoch, *version, *release; /* release is NULL when there is none */
};

/* Cuts [epoch:]version[-release] in place. */
static struct evr parse(char *text)
{
    struct evr evr = {"0", text, NULL};
    size_t digits = run_length(text, is_digit);
    if (text[digits] == ':') {
        text[digits] = '\0';
        if (digits > 0)
            evr.epoch = text;
        evr.version = text + digits + 1;
    }
    char *dash = strrchr((char *)evr.version, '-');
    if (dash != NULL) {
        *dash = '\0';
        evr.release = dash + 1;
    }
    return evr;
}

/* Like a dependency: a release that one side leaves out is not compared. */
static int compare(struct evr a, struct evr b)
{
    int order = compare_versions(a.epoch, b.epoch);
    if (order == 0)
        order = compare_versions(a.version, b.version);
    if (order == 0 && a.release != NULL && b.release != NULL)
        order = compare_versions(a.release, b.release);
    return order;
}

int main(int argc, char **argv)
{
    int quiet = argc > 1 && strcmp(argv[1], "-q") == 0;
    if (argc != 3 + quiet) {
        fputs("usage: rpmvercmp [-q] EVR1 EVR2\n"
              "exit status: 0 equal, 11 EVR1 is newer, 12 EVR2 is newer\n", stderr);
        return 2;
    }
    char *a = argv[1 + quiet], *b = argv[2 + quiet];
    char *copy_a = strdup(a), *copy_b = strdup(b);
    if (copy_a == NULL || copy_b == NULL) {
        perror("rpmvercmp");
        return 2;
    }
    int order = compare(parse(copy_a), parse(copy_b));
    free(copy_a);
    free(copy_b);
    if (!quiet)
        printf("%s %s %s\n", a, order < 0 ? "<" : order > 0 ? ">" : "==", b);
    return order == 0 ? 0 : order > 0 ? 11 : 12;
}
