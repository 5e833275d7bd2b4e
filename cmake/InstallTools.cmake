# SPDX-License-Identifier: Apache-2.0
# Component tools: the executable and its links, manuals, completions. libdumpio(3) belongs to
# development.
install(TARGETS dumpio RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT tools)
foreach(tool ${DUMPIO_TOOLS})
  install(FILES ${PROJECT_BINARY_DIR}/tools/${tool} DESTINATION ${CMAKE_INSTALL_BINDIR}
          COMPONENT tools)
endforeach()

if(TARGET docs)
  foreach(page dumpio ${DUMPIO_TOOLS})
    install(FILES ${PROJECT_BINARY_DIR}/man/${page}.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1
            COMPONENT tools)
  endforeach()
  install(FILES ${PROJECT_BINARY_DIR}/man/dumpio-formats.5
          DESTINATION ${CMAKE_INSTALL_MANDIR}/man5 COMPONENT tools)
  install(FILES ${PROJECT_BINARY_DIR}/man/libdumpio.3
          DESTINATION ${CMAKE_INSTALL_MANDIR}/man3 COMPONENT development)

  # One file for all commands; bash and fish look for one by the command's name.
  set(completion ${PROJECT_BINARY_DIR}/completion)
  set(bash ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  set(fish ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
  install(FILES ${completion}/dumpio.bash DESTINATION ${bash} RENAME dumpio COMPONENT tools)
  install(FILES ${completion}/dumpio.fish DESTINATION ${fish} COMPONENT tools)
  install(FILES ${completion}/_dumpio DESTINATION ${DUMPIO_ZSH_DIR} COMPONENT tools)
  foreach(tool ${DUMPIO_TOOLS})
    file(CREATE_LINK dumpio ${completion}/links/${tool} SYMBOLIC)
    file(CREATE_LINK dumpio.fish ${completion}/links/${tool}.fish SYMBOLIC)
    install(FILES ${completion}/links/${tool} DESTINATION ${bash} COMPONENT tools)
    install(FILES ${completion}/links/${tool}.fish DESTINATION ${fish} COMPONENT tools)
  endforeach()
endif()
install(FILES contrib/magic/dumpio DESTINATION ${CMAKE_INSTALL_DATADIR}/dumpio RENAME magic
        COMPONENT tools)
