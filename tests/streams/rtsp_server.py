"""An RTSP server with moving pictures, for the system's Python: PORT PATH [USER PASSWORD]; --size WxH --fps N --codec h264.

SIGUSR1 doubles the size of the pictures within the connection.
"""

import argparse
import signal

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

PAYLOADS = {
    "h264": "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10 threads=1 ! rtph264pay name=pay0 pt=96",
    "jpeg": "jpegenc ! rtpjpegpay name=pay0 pt=26",
}


def pictures(options: argparse.Namespace) -> str:
    """The pipeline that makes them: a ball that moves, a still card, or the photos of a folder in a loop."""
    raw = (
        f"capsfilter name=size caps=video/x-raw,width={options.width},height={options.height},framerate={options.fps}/1"
    )
    if options.photos:
        source = (
            f"multifilesrc location={options.photos} loop=true caps=image/jpeg,framerate={options.fps}/1 ! jpegdec"
            " ! videoconvert ! videoscale"
        )
    else:
        source = f"videotestsrc is-live=true pattern={options.pattern}"
    if options.codec == "sound":
        return "( audiotestsrc is-live=true ! audioconvert ! alawenc ! rtppcmapay name=pay0 pt=8 )"
    live = "" if not options.photos else " ! identity sync=true"
    return f"( {source} ! {raw}{live} ! videoconvert ! {PAYLOADS[options.codec]} )"


def protect(
    server: GstRtspServer.RTSPServer, factory: GstRtspServer.RTSPMediaFactory, user: str, password: str
) -> None:
    """Let only this user in."""
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(2)  # digest
    token = GstRtspServer.RTSPToken()
    token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, "viewer")
    auth.add_digest(user, password, token)
    server.set_auth(auth)
    role = "viewer,media.factory.access=(boolean)true,media.factory.construct=(boolean)true"
    factory.add_role_from_structure(Gst.Structure.from_string(role)[0])


def grown_on_signal(factory: GstRtspServer.RTSPMediaFactory, options: argparse.Namespace) -> None:
    """Double width and height of what is sent, connections that are open included, when SIGUSR1 comes."""
    larger = f"video/x-raw,width={2 * options.width},height={2 * options.height},framerate={options.fps}/1"
    grown = False
    open_now = []

    def grow() -> bool:
        nonlocal grown
        grown = True
        for size in open_now:
            size.set_property("caps", Gst.Caps.from_string(larger))
        return True

    def configure(_factory: GstRtspServer.RTSPMediaFactory, media: GstRtspServer.RTSPMedia) -> None:
        open_now[:] = [media.get_element().get_by_name("size")]
        if grown:
            grow()

    factory.connect("media-configure", configure)
    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGUSR1, grow)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port")
    parser.add_argument("--width", type=int, default=160)
    parser.add_argument("--height", type=int, default=96)
    parser.add_argument("--fps", type=int, default=10)
    parser.add_argument("--codec", default="h264")
    parser.add_argument("--pattern", default="ball")
    parser.add_argument("--photos", default="", help="such as /folder/%%03d.jpg")
    parser.add_argument("--login", default="", help="USER:PASSWORD")
    options = parser.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_service(options.port)
    server.set_address("127.0.0.1")
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_shared(True)
    factory.set_launch(pictures(options))
    if options.login:
        protect(server, factory, *options.login.split(":", 1))
    if options.codec != "sound":
        grown_on_signal(factory, options)
    server.get_mount_points().add_factory("/live", factory)
    server.attach(None)
    print("ready", flush=True)  # noqa: T201 - to the test that started it
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
