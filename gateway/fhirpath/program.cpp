#include "fhirpath/program.h"
