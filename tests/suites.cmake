# SPDX-License-Identifier: Apache-2.0
# The suites that run the tools.
dumpio_script(matrix_shipped "sanitize" matrix/matrix.py --shipped)
if(DUMPIO_SANITIZE)
  dumpio_script(matrix_threads "threads" matrix/matrix.py --threads-small)
else()
  dumpio_script(matrix_threads "" matrix/matrix.py --threads)
endif()
dumpio_script(cli "sanitize" cli/cli.sh)
dumpio_script(cli_map "sanitize" cli/map.sh)
dumpio_script(matrix_real "full" matrix/matrix.py --real)
dumpio_script(truth "full" truth/truth.py)
foreach(peer crash.sh crash-filter.sh gdb.sh makedumpfile.sh qemu.sh digest.sh libkdumpfile.py drgn-tasks.py)
  string(REGEX REPLACE "[.].*" "" name ${peer})
  dumpio_script(interop_${name} "full" interop/${peer})
endforeach()

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
dumpio_script(rules "" rules/rules.py)
dumpio_script(new_format "" robust/toy.sh)
