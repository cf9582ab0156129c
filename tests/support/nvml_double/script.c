#define _POSIX_C_SOURCE 200809L
#include "script.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST_EVENTS 4096
#define EVERY -1

struct event {
    double time;
    int gpu; /* EVERY: all of them */
    enum property what;
    double value;
    char name[64];
};

static const char *const NAMES[PROPERTIES] = {
    "power", "period", "factor", "frozen", "jump", "reset", "sensor_factor", "limit", "max_limit", "sm_clock",
    "memory_clock", "temperature", "reasons", "mig", "persistence", "kind", "capability", "compute", "graphics", "fail"};

static const double DEFAULTS[PROPERTIES] = {
    [POWER] = 100, [PERIOD] = 0.1, [FACTOR] = 1, [SENSOR_FACTOR] = 1, [LIMIT] = 400, [MAX_LIMIT] = 400,
    [SM_CLOCK] = 1410, [MEMORY_CLOCK] = 1593, [TEMPERATURE] = 40, [PERSISTENCE] = 1, [KIND] = 1, [CAPABILITY] = 90};

/* A counter has run for long before anybody looks at it. */
static const double COUNTED = 123456.789;

/* Recursive, for an answer about a moment asks for the moment first. */
static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static struct event events[MOST_EVENTS];
static int event_count, gpu_count, is_virtual;
static double virtual_now, begun;

static double monotonic(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int parse_line(char *line)
{
    struct event e = {0, EVERY, PROPERTIES, 0, ""};
    char *state, *word = strtok_r(line, " \t", &state), *end;
    if (!word)
        return 1;
    if (!strcmp(word, "gpus") || !strcmp(word, "clock")) {
        char *what = strtok_r(NULL, " \t", &state);
        if (!what || strtok_r(NULL, " \t", &state))
            return 0;
        if (!strcmp(word, "clock")) {
            is_virtual = !strcmp(what, "virtual");
            return is_virtual || !strcmp(what, "real");
        }
        gpu_count = (int)strtol(what, &end, 10);
        return !*end && gpu_count >= 0 && gpu_count <= MOST_GPUS;
    }
    if (!strcmp(word, "at")) {
        if (!(word = strtok_r(NULL, " \t", &state)))
            return 0;
        e.time = strtod(word, &end);
        if (*end || !(word = strtok_r(NULL, " \t", &state)))
            return 0;
    }
    if (!strcmp(word, "gpu")) {
        if (!(word = strtok_r(NULL, " \t", &state)))
            return 0;
        e.gpu = (int)strtol(word, &end, 10);
        if (*end || e.gpu < 0 || e.gpu >= MOST_GPUS || !(word = strtok_r(NULL, " \t", &state)))
            return 0;
    }
    for (int i = 0; i < PROPERTIES; i++)
        if (!strcmp(word, NAMES[i]))
            e.what = (enum property)i;
    if (e.what == PROPERTIES)
        return 0;
    if (e.what == FAIL) {
        if (!(word = strtok_r(NULL, " \t", &state)) || strlen(word) >= sizeof e.name)
            return 0;
        strcpy(e.name, word);
    }
    if (!(word = strtok_r(NULL, " \t", &state)))
        return 0;
    e.value = strtod(word, &end);
    if (*end || strtok_r(NULL, " \t", &state) || event_count == MOST_EVENTS)
        return 0;
    /* Kept in the order of time; of two at one moment the later line comes later. */
    int place = event_count++;
    for (; place > 0 && events[place - 1].time > e.time; place--)
        events[place] = events[place - 1];
    events[place] = e;
    return 1;
}

int double_script(const char *text)
{
    int wrong = 0, number = 0;
    char *copy = strdup(text), *rest = copy;
    pthread_mutex_lock(&lock);
    event_count = 0;
    gpu_count = 1;
    is_virtual = 0;
    virtual_now = 0;
    begun = monotonic();
    while (rest && !wrong) {
        char *line = rest;
        if ((rest = strchr(line, '\n')))
            *rest++ = 0;
        line[strcspn(line, "#\r")] = 0;
        number++;
        if (!parse_line(line))
            wrong = number;
    }
    pthread_mutex_unlock(&lock);
    free(copy);
    return wrong;
}

double double_now(void)
{
    pthread_mutex_lock(&lock);
    double now = is_virtual ? virtual_now : monotonic() - begun;
    pthread_mutex_unlock(&lock);
    return now;
}

void double_advance(double seconds)
{
    pthread_mutex_lock(&lock);
    virtual_now += seconds;
    pthread_mutex_unlock(&lock);
}

int gpus(void)
{
    return gpu_count;
}

static int concerns(const struct event *e, int gpu)
{
    return e->gpu == EVERY || e->gpu == gpu;
}

static double value_at(int gpu, enum property what, double time)
{
    double found = DEFAULTS[what];
    for (int i = 0; i < event_count && events[i].time <= time; i++)
        if (events[i].what == what && concerns(&events[i], gpu))
            found = events[i].value;
    return found;
}

double value(int gpu, enum property what)
{
    pthread_mutex_lock(&lock);
    double found = value_at(gpu, what, double_now());
    pthread_mutex_unlock(&lock);
    return found;
}

int failure(int gpu, const char *name)
{
    int code = 0;
    pthread_mutex_lock(&lock);
    double now = double_now();
    for (int i = 0; i < event_count && events[i].time <= now; i++)
        if (events[i].what == FAIL && (gpu < 0 ? events[i].gpu == EVERY : concerns(&events[i], gpu)) &&
            (!strcmp(events[i].name, name) || (gpu >= 0 && !strcmp(events[i].name, "*"))))
            code = (int)events[i].value;
    pthread_mutex_unlock(&lock);
    return code;
}

/* J up to a moment; as the counter counts it, or as it was used. */
static double energy_until(int gpu, double time, int counted)
{
    double energy = counted ? COUNTED : 0, from = 0;
    double power = DEFAULTS[POWER], factor = 1;
    int frozen = 0;
    for (int i = 0; i <= event_count; i++) {
        const struct event *e = i < event_count && events[i].time <= time ? &events[i] : NULL;
        double until = e ? fmax(e->time, 0) : time;
        energy += (until - from) * power * (counted ? factor * !frozen : 1);
        from = until;
        if (!e)
            break;
        if (!concerns(e, gpu))
            continue;
        if (e->what == POWER)
            power = e->value;
        else if (e->what == FACTOR)
            factor = e->value;
        else if (e->what == FROZEN)
            frozen = e->value != 0;
        else if (counted && e->what == JUMP)
            energy += e->value;
        else if (counted && e->what == RESET)
            energy = 0;
    }
    return energy;
}

double counter(int gpu)
{
    pthread_mutex_lock(&lock);
    double now = double_now(), period = value_at(gpu, PERIOD, now);
    /* A little is added, or the multiple of a period would fall before its own tick by rounding. */
    double shown = energy_until(gpu, floor(now / period + 1e-9) * period, 1);
    pthread_mutex_unlock(&lock);
    return fmax(shown, 0);
}

double power_now(int gpu)
{
    return value(gpu, POWER) * value(gpu, SENSOR_FACTOR);
}

double power_average(int gpu)
{
    pthread_mutex_lock(&lock);
    double now = double_now(), before = fmax(now - 1, 0);
    double used = energy_until(gpu, now, 0) - energy_until(gpu, before, 0);
    double watts = now > before ? used / (now - before) : value_at(gpu, POWER, now);
    pthread_mutex_unlock(&lock);
    return watts * value(gpu, SENSOR_FACTOR);
}

int processes(int gpu, enum property kind, unsigned *pids, int room)
{
    int count = 0;
    unsigned found[MOST_EVENTS];
    pthread_mutex_lock(&lock);
    double now = double_now();
    for (int i = 0; i < event_count && events[i].time <= now; i++) {
        if (events[i].what != kind || !concerns(&events[i], gpu))
            continue;
        if (events[i].value >= 0) {
            found[count++] = (unsigned)events[i].value;
            continue;
        }
        for (int j = 0; j < count; j++)
            if (found[j] == (unsigned)-events[i].value)
                found[j--] = found[--count];
    }
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < count && i < room; i++)
        pids[i] = found[i];
    return count;
}
