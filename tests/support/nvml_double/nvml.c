/* A test double of NVIDIA's libnvidia-ml.so.1: it measures nothing, and answers what a script says.

   Only what we call is there; the signatures are those that nvidia-ml-py calls through. The script is the
   file named by NVML_DOUBLE_SCRIPT, or what double_script() was given in this process. Without either there
   is no driver. The names that it gives say that it is a double. */
#include "script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int place;
} *nvmlDevice_t;

typedef struct {
    unsigned pid;
    unsigned long long memory;
    unsigned gpu_instance, compute_instance;
} nvmlProcessInfo_t;

typedef struct {
    unsigned field, scope;
    long long timestamp, latency;
    unsigned type;
    unsigned result;
    union {
        double d;
        unsigned ui;
        unsigned long long ull;
    } value;
} nvmlFieldValue_t;

typedef struct {
    unsigned version;
    unsigned sensor;
    int temperature;
} nvmlTemperature_t;

enum { SUCCESS, UNINITIALIZED, INVALID_ARGUMENT, NOT_SUPPORTED, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7,
       DRIVER_NOT_LOADED = 9, UNKNOWN = 999 };
enum { ENERGY_FIELD = 83, AVERAGE_FIELD = 185, INSTANT_FIELD = 186 };
enum { UNSIGNED_INT = 1, UNSIGNED_LONG_LONG = 3 };

static struct {
    int place;
} devices[MOST_GPUS];
static int scripted, uses;

/* The guard that every function begins with. */
#define ANSWER_FOR(gpu)                                                                                      \
    do {                                                                                                     \
        int code = uses ? failure(gpu, __func__) : UNINITIALIZED;                                            \
        if (code)                                                                                            \
            return code;                                                                                     \
    } while (0)

void double_forget(void)
{
    scripted = 0;
    uses = 0;
}

int double_load(const char *text)
{
    int wrong = double_script(text);
    scripted = !wrong;
    return wrong;
}

static int load_file(const char *path)
{
    static char text[1 << 20];
    FILE *file = fopen(path, "r");
    if (!file)
        return UNKNOWN;
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    int wrong = double_load(text);
    if (wrong)
        fprintf(stderr, "NVML double: line %d of %s is wrong\n", wrong, path);
    return wrong ? UNKNOWN : SUCCESS;
}

int nvmlInitWithFlags(unsigned flags)
{
    (void)flags;
    const char *path = getenv("NVML_DOUBLE_SCRIPT");
    if (!scripted && path && load_file(path))
        return UNKNOWN;
    if (!scripted)
        return DRIVER_NOT_LOADED;
    int code = failure(-1, "nvmlInit");
    if (!code)
        uses++;
    return code;
}

int nvmlInit_v2(void)
{
    return nvmlInitWithFlags(0);
}

int nvmlShutdown(void)
{
    if (!uses)
        return UNINITIALIZED;
    uses--;
    return SUCCESS;
}

/* How many nvmlInit have not been followed by their nvmlShutdown. */
int double_uses(void)
{
    return uses;
}

const char *nvmlErrorString(int code)
{
    return code ? "Unknown Error" : "Success";
}

int nvmlSystemGetDriverVersion(char *text, unsigned room)
{
    ANSWER_FOR(-1);
    snprintf(text, room, "double 0");
    return SUCCESS;
}

int nvmlDeviceGetCount_v2(unsigned *count)
{
    ANSWER_FOR(-1);
    *count = (unsigned)gpus();
    return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned place, nvmlDevice_t *device)
{
    if (place >= (unsigned)gpus())
        return INVALID_ARGUMENT;
    ANSWER_FOR((int)place);
    devices[place].place = (int)place;
    *device = (nvmlDevice_t)&devices[place];
    return SUCCESS;
}

int nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device)
{
    char own[80], instance[80];
    for (int place = 0; place < gpus(); place++) {
        snprintf(own, sizeof own, "GPU-double-%d", place);
        snprintf(instance, sizeof instance, "MIG-double-%d", place); /* one on each GPU */
        if (!strcmp(own, uuid) || (value(place, MIG) != 0 && !strcmp(instance, uuid)))
            return nvmlDeviceGetHandleByIndex_v2((unsigned)place, device);
    }
    return NOT_FOUND;
}

int nvmlDeviceGetDeviceHandleFromMigDeviceHandle(nvmlDevice_t instance, nvmlDevice_t *device)
{
    ANSWER_FOR(instance->place);
    *device = instance;
    return SUCCESS;
}

int nvmlDeviceGetIndex(nvmlDevice_t device, unsigned *place)
{
    ANSWER_FOR(device->place);
    *place = (unsigned)device->place;
    return SUCCESS;
}

int nvmlDeviceGetName(nvmlDevice_t device, char *text, unsigned room)
{
    ANSWER_FOR(device->place);
    snprintf(text, room, "NVIDIA D%d (test double)", (int)value(device->place, KIND));
    return SUCCESS;
}

int nvmlDeviceGetUUID(nvmlDevice_t device, char *text, unsigned room)
{
    ANSWER_FOR(device->place);
    snprintf(text, room, "GPU-double-%d", device->place);
    return SUCCESS;
}

int nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t device, unsigned long long *millijoules)
{
    ANSWER_FOR(device->place);
    *millijoules = (unsigned long long)(counter(device->place) * 1000);
    return SUCCESS;
}

int nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned *milliwatts)
{
    ANSWER_FOR(device->place);
    int instant = value(device->place, CAPABILITY) <= 80; /* see nvmlDeviceGetPowerUsage's reference */
    *milliwatts = (unsigned)((instant ? power_now : power_average)(device->place) * 1000);
    return SUCCESS;
}

int nvmlDeviceGetFieldValues(nvmlDevice_t device, int count, nvmlFieldValue_t *values)
{
    char number[16];
    ANSWER_FOR(device->place);
    for (int i = 0; i < count; i++) {
        nvmlFieldValue_t *each = &values[i];
        unsigned long long energy = 0;
        snprintf(number, sizeof number, "%u", each->field);
        each->timestamp = (long long)(double_now() * 1e6);
        each->result = (unsigned)failure(device->place, number);
        if (each->result)
            continue;
        each->type = UNSIGNED_INT;
        if (each->field == AVERAGE_FIELD) {
            each->value.ui = (unsigned)(power_average(device->place) * 1000);
        } else if (each->field == INSTANT_FIELD) {
            each->value.ui = (unsigned)(power_now(device->place) * 1000);
        } else if (each->field == ENERGY_FIELD) {
            each->type = UNSIGNED_LONG_LONG;
            each->result = (unsigned)nvmlDeviceGetTotalEnergyConsumption(device, &energy);
            each->value.ull = energy;
        } else {
            each->result = NOT_SUPPORTED;
        }
    }
    return SUCCESS;
}

int nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t device, unsigned *milliwatts)
{
    ANSWER_FOR(device->place);
    *milliwatts = (unsigned)(value(device->place, LIMIT) * 1000);
    return SUCCESS;
}

int nvmlDeviceGetPowerManagementLimitConstraints(nvmlDevice_t device, unsigned *least, unsigned *most)
{
    ANSWER_FOR(device->place);
    *least = 50000;
    *most = (unsigned)(value(device->place, MAX_LIMIT) * 1000);
    return SUCCESS;
}

int nvmlDeviceGetClockInfo(nvmlDevice_t device, unsigned clock, unsigned *megahertz)
{
    ANSWER_FOR(device->place);
    if (clock > 2)
        return NOT_SUPPORTED;
    *megahertz = (unsigned)value(device->place, clock == 2 ? MEMORY_CLOCK : SM_CLOCK);
    return SUCCESS;
}

int nvmlDeviceGetTemperature(nvmlDevice_t device, unsigned sensor, unsigned *celsius)
{
    ANSWER_FOR(device->place);
    if (sensor)
        return NOT_SUPPORTED;
    *celsius = (unsigned)value(device->place, TEMPERATURE);
    return SUCCESS;
}

int nvmlDeviceGetTemperatureV(nvmlDevice_t device, nvmlTemperature_t *temperature)
{
    ANSWER_FOR(device->place);
    temperature->temperature = (int)value(device->place, TEMPERATURE);
    return SUCCESS;
}

int nvmlDeviceGetCurrentClocksEventReasons(nvmlDevice_t device, unsigned long long *reasons)
{
    ANSWER_FOR(device->place);
    *reasons = (unsigned long long)value(device->place, REASONS);
    return SUCCESS;
}

int nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t device, unsigned long long *reasons)
{
    ANSWER_FOR(device->place);
    *reasons = (unsigned long long)value(device->place, REASONS);
    return SUCCESS;
}

int nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int *major, int *minor)
{
    ANSWER_FOR(device->place);
    int capability = (int)value(device->place, CAPABILITY);
    *major = capability / 10;
    *minor = capability % 10;
    return SUCCESS;
}

int nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned *current, unsigned *pending)
{
    ANSWER_FOR(device->place);
    *current = *pending = (unsigned)value(device->place, MIG);
    return SUCCESS;
}

int nvmlDeviceGetPersistenceMode(nvmlDevice_t device, unsigned *mode)
{
    ANSWER_FOR(device->place);
    *mode = (unsigned)value(device->place, PERSISTENCE);
    return SUCCESS;
}

static int list(int gpu, enum property kind, unsigned *count, nvmlProcessInfo_t *infos)
{
    unsigned pids[64], room = infos ? *count : 0;
    int found = processes(gpu, kind, pids, 64);
    *count = (unsigned)found;
    if ((unsigned)found > room)
        return INSUFFICIENT_SIZE;
    for (int i = 0; i < found; i++)
        infos[i] = (nvmlProcessInfo_t){pids[i], 1 << 20, ~0u, ~0u};
    return SUCCESS;
}

int nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned *count, nvmlProcessInfo_t *infos)
{
    ANSWER_FOR(device->place);
    return list(device->place, COMPUTE, count, infos);
}

int nvmlDeviceGetGraphicsRunningProcesses_v3(nvmlDevice_t device, unsigned *count, nvmlProcessInfo_t *infos)
{
    ANSWER_FOR(device->place);
    return list(device->place, GRAPHICS, count, infos);
}
