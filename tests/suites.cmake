# SPDX-License-Identifier: Apache-2.0
# The suites that run the tools.
dumpio_script(matrix_shipped "sanitize" matrix/matrix.py --shipped)
if(DUMPIO_SANITIZE)
  dumpio_script(matrix_threads "threads" matrix/matrix.py --threads-small)
else()
  dumpio_script(matrix_threads "" matrix/matrix.py --threads)
endif()
dumpio_script(cli "sanitize" cli/cli.sh)
dumpio_script(cli_wrap "sanitize" cli/wrap.sh)
dumpio_script(cli_room "" cli/room.sh)
dumpio_script(cli_stream "sanitize" cli/stream.sh)
dumpio_script(cli_memory "" cli/memory.sh)
dumpio_script(cli_interrupt "" cli/interrupt.sh)
dumpio_script(cli_map "sanitize" cli/map.sh)
dumpio_script(cli_filter "sanitize" cli/filter.sh)
dumpio_script(matrix_real "full" matrix/matrix.py --real)
dumpio_script(truth "full" truth/truth.py)
dumpio_script(truth_filter "full" truth/filter.py)
dumpio_script(truth_privacy "full" truth/privacy.py)
dumpio_script(truth_failclosed "full" truth/failclosed.py --quick)
dumpio_script(oldkernel "" truth/oldkernel.py)
dumpio_script(interop_containers "full" interop/containers.sh $<TARGET_FILE:test_layers>)
foreach(peer age.sh crash.sh crash-filter.sh gdb.sh makedumpfile.sh qemu.sh digest.sh libkdumpfile.py drgn-tasks.py
        drgn-reader.py)
  string(REGEX REPLACE "[.].*" "" name ${peer})
  dumpio_script(interop_${name} "full" interop/${peer})
endforeach()
if(TARGET dumpio_python)
  dumpio_script(python "sanitize" python/test_dumpio.py)
  if(DUMPIO_SANITIZE MATCHES "address")
    # the interpreter is not instrumented: the runtime comes first, and its own leaks are not ours
    execute_process(COMMAND ${CMAKE_C_COMPILER} -print-file-name=libasan.so
                    OUTPUT_VARIABLE asan OUTPUT_STRIP_TRAILING_WHITESPACE)
    set_tests_properties(python PROPERTIES ENVIRONMENT
                         "LD_PRELOAD=${asan};ASAN_OPTIONS=detect_leaks=0")
  endif()
endif()

dumpio_script(qemu_capture "qemu" qemu/capture.sh x86_64 arm64)

# Programs of the golden and robustness suites. Under a sanitizer, samples of both.
function(dumpio_program name source)
  add_executable(${name} ${source})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/libdumpio
                             ${PROJECT_SOURCE_DIR}/libdumpio/include)
  target_link_libraries(${name} PRIVATE dumpio_static dumpio_deps)
endfunction()
dumpio_program(golden_model golden/model.c)
dumpio_program(robust_driver robust/driver.c)
set(sample "")
if(DUMPIO_SANITIZE)
  set(sample --sample)
endif()
dumpio_script(golden "sanitize" golden/golden.py --model=$<TARGET_FILE:golden_model>
              ${sample})
dumpio_script(golden_huge "" golden/golden.py --model=$<TARGET_FILE:golden_model> --huge)
dumpio_script(robust_damage "sanitize" robust/truncate.py --driver=$<TARGET_FILE:robust_driver>
              ${sample})
dumpio_program(robust_faults robust/faults.c)
foreach(symbol malloc calloc realloc aligned_alloc dio_file_open dio_file_create)
  target_link_options(robust_faults PRIVATE -Wl,--wrap=${symbol})
endforeach()
dumpio_script(robust_faults "sanitize" robust/truncate.py --faults=$<TARGET_FILE:robust_faults>)
# Faults of the system, put into the tools as they are: not into those with a sanitizer's allocator.
if(NOT DUMPIO_SANITIZE AND NOT DUMPIO_STATIC AND CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  add_library(robust_preload MODULE robust/preload.c)
  target_link_libraries(robust_preload PRIVATE ${CMAKE_DL_LIBS})
  target_compile_options(robust_preload PRIVATE -Wno-missing-prototypes -Wno-pedantic)
  set_target_properties(robust_preload PROPERTIES C_VISIBILITY_PRESET default)
  dumpio_script(robust_syscalls "" robust/syscalls.py --preload=$<TARGET_FILE:robust_preload>)
  dumpio_script(robust_kills "full" robust/syscalls.py --preload=$<TARGET_FILE:robust_preload>
                --kills=200 --every elf-kdump zst crypt-d filter)
endif()
dumpio_script(rules "" rules/rules.py)
dumpio_script(new_format "" robust/toy.sh)
# Published vectors of the age format; where they are, $DUMPIO_TEST_AGE_VECTORS says.
dumpio_program(age_vectors crypto/vectors.c)
target_include_directories(age_vectors PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
add_test(NAME age_vectors COMMAND age_vectors $ENV{DUMPIO_TEST_AGE_VECTORS})
set_tests_properties(age_vectors PROPERTIES LABELS "full" SKIP_RETURN_CODE 77)
# Instructions that small conversions take, against the record of the same compiler and libraries.
if(NOT DUMPIO_SANITIZE)
  get_target_property(have dumpio_deps INTERFACE_COMPILE_DEFINITIONS)
  string(REGEX REPLACE "DUMPIO_HAVE_([A-Z_]+)=1" "\\1" have "${have}")
  string(REPLACE ";" "," have "${have}")
  dumpio_script(instructions "" ../bench/instructions
    "--setting=${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION} ${CMAKE_BUILD_TYPE} ${CMAKE_SYSTEM_PROCESSOR} ${have}")
endif()
