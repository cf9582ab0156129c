/* What a test scripted of the double: events in time, and what follows from them for a GPU at a moment. */
#ifndef SCRIPT_H
#define SCRIPT_H

#define MOST_GPUS 8

enum property {
    POWER,         /* W */
    PERIOD,        /* s between two movements of the counter */
    FACTOR,        /* the counter counts this many times the energy */
    FROZEN,        /* 1: the counter stands still */
    JUMP,          /* J that the counter moves at once, either way */
    RESET,         /* the counter starts again from 0 */
    SENSOR_FACTOR, /* the power sensors tell this many times the power */
    LIMIT,         /* W, enforced */
    MAX_LIMIT,     /* W, the most the limit can be set to */
    SM_CLOCK,      /* MHz */
    MEMORY_CLOCK,  /* MHz */
    TEMPERATURE,   /* degrees Celsius */
    REASONS,       /* bits of nvmlClocksEventReasons */
    MIG,           /* 1: on */
    PERSISTENCE,   /* 1: on */
    KIND,          /* a number in the GPU's name */
    CAPABILITY,    /* CUDA's compute capability: 80 is 8.0 */
    COMPUTE,       /* a process that comes (PID) or goes (-PID) */
    GRAPHICS,      /* the same */
    FAIL,          /* a function, field number or * answers with this code; 0: no longer */
    PROPERTIES
};

/* Replaces the script. Lines are `[at SECONDS] [gpu PLACE] PROPERTY [NAME] VALUE`, `gpus COUNT` and
   `clock real|virtual`; # begins a comment. Returns 0, or the number of the first wrong line. */
int double_script(const char *text);

/* Seconds since the script was set. */
double double_now(void);

/* Moves the virtual clock; does nothing to the real one. */
void double_advance(double seconds);

int gpus(void);

/* The value that a property has on a GPU now. */
double value(int gpu, enum property what);

/* The error that a function or field shall answer with now, 0 for none. gpu -1: for no GPU. */
int failure(int gpu, const char *name);

/* Energy that the counter shows now (J) and power now and over the last second (W). */
double counter(int gpu);
double power_now(int gpu);
double power_average(int gpu);

/* Writes the processes on a GPU, at most `room`; returns how many there are. */
int processes(int gpu, enum property kind, unsigned *pids, int room);

#endif
