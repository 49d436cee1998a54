import WaymarkCommand

await WaymarkTool<Examples>.start()
