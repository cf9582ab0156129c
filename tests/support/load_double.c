/* A double of tools/gpu_check/load.cu for machines without a GPU: it computes nothing, and takes the time
   that the load would take. A unit of work is a millisecond. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    double seconds = argc > 2 ? atof(argv[2]) : 0.0;
    if (!strcmp(what, "name")) {
        puts("load double: computes nothing");
        return 0;
    }
    if (!strcmp(what, "work"))
        seconds /= 1e3;
    struct timespec left = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&left, NULL);
    return 0;
}
