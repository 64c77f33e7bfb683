/* PipeWire before 0.3.68 does not define SPA_MEDIA_SUBTYPE_opus; the bindings refer to it.
 * The tag begins with spa_ because the binding generator's allow-list asks for that. */
#include <pipewire/version.h>
#if !PW_CHECK_VERSION(0, 3, 68)
enum spa_companion_media_subtype { SPA_MEDIA_SUBTYPE_opus = 0x10010 };
#endif
