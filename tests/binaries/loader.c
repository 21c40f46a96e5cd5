/* Loads one DLL as a Python would, and says what became of it: one line of words for the test.
 *
 *   python.exe new|old MODULE OWN_FOLDER NAME,NAME,... DLL:SYMBOL,... FOLDER...
 *
 * new: LOAD_LIBRARY_SEARCH_DEFAULT_DIRS with DLL_LOAD_DIR and the FOLDERs added, as Python 3.8 and later.
 * old: LOAD_WITH_ALTERED_SEARCH_PATH, as Python up to 3.7.
 *
 * Wine tells a dependency that it refuses (193) and a symbol that it cannot bind (127) apart only when asked for them
 * directly: so the NAMEs are loaded one by one where the module fails, and the SYMBOLs are asked for where it loads.
 */
#define _WIN32_WINNT 0x0602
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

static DWORD refused(const char *own, char *names, DWORD flags)
{
    char path[4096];
    for (char *name = strtok(names, ","); name; name = strtok(NULL, ",")) {
        snprintf(path, sizeof path, "%s\\%s", own, name);
        const char *what = GetFileAttributesA(path) == INVALID_FILE_ATTRIBUTES ? name : path;
        if (!LoadLibraryExA(what, NULL, what == name ? flags & ~LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR : flags)
            && GetLastError() == ERROR_BAD_EXE_FORMAT)
            return ERROR_BAD_EXE_FORMAT;
    }
    return 0;
}

int main(int argc, char **argv)
{
    DWORD flags = LOAD_WITH_ALTERED_SEARCH_PATH, error;
    char path[4096];
    if (argc < 6)
        return 2;
    SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOOPENFILEERRORBOX);
    if (!strcmp(argv[1], "new")) {
        flags = LOAD_LIBRARY_SEARCH_DEFAULT_DIRS | LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR;
        for (int i = argc - 1; i >= 6; i--) {
            wchar_t wide[4096];
            MultiByteToWideChar(CP_ACP, 0, argv[i], -1, wide, 4096);
            AddDllDirectory(wide);
        }
    }
    if (!LoadLibraryExA(argv[2], NULL, flags)) {
        error = GetLastError();
        DWORD below = error == ERROR_MOD_NOT_FOUND ? refused(argv[3], argv[4], flags) : 0;
        printf("%lu\n", below ? below : error);
        return 0;
    }
    error = 0;
    for (char *pair = strtok(argv[5], ","); pair; pair = strtok(NULL, ",")) {
        char *symbol = strchr(pair, ':');
        *symbol++ = 0;
        HMODULE module = GetModuleHandleA(pair);
        const char *wanted = *symbol == '#' ? (const char *)(ULONG_PTR)atoi(symbol + 1) : symbol;
        if (!module || !GetProcAddress(module, wanted))
            error = ERROR_PROC_NOT_FOUND;
        if (module && GetModuleFileNameA(module, path, sizeof path))
            printf("%s ", path);
    }
    printf("%lu\n", error);
    return 0;
}
