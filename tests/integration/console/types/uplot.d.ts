// The console's own plot names what it needs; the library's types would be another package.
declare const UPlot: any;
export default UPlot;
